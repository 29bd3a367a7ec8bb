"""Lesson 07: what a learner is told."""

from lessons import judged

from course_utils.engine.exercise import load_lesson
from grader.reference import reference_code

LESSON = "07_inpainting"
EXERCISES = load_lesson(LESSON).exercises


def test_a_mask_seeded_from_the_global_generator_is_found():
    e = EXERCISES["make_mask"]
    seeded = "generator.manual_seed(int(torch.randint(10**6, ())))\n    S, mask = image_size,"
    code = reference_code(LESSON, e).replace("S, mask = image_size,", seeded)
    wrong = judged(LESSON, e, code).wrong["corner"]
    assert "the same seed gives the same masks" in wrong
    assert "the global random state is left alone" in wrong


def test_a_level_with_the_wrong_shape_is_told_apart_from_a_wrong_level():
    e = EXERCISES["p_sample"]
    code = reference_code(LESSON, e).replace('["alpha_bar"][t])', '["alpha_bar"][t][:, None])')
    wrong = judged(LESSON, e, code).wrong["timesteps that differ"]
    assert set(wrong) == {"noise levels given to the model"}


def test_a_sampler_that_never_asks_the_model_is_told_so():
    e = EXERCISES["restoration"]
    code = "def restoration(model, y_cond, y_0, *rest):\n    return y_0, y_0[None]\n"
    wrong = judged(LESSON, e, code).wrong["the whole way"]
    assert "never called the model" in wrong["error"].message


def test_a_file_that_is_not_safetensors_is_told_so():
    e = EXERCISES["fit"]
    code = reference_code(LESSON, e).replace("save_model(model, path)", "torch.save({}, path)")
    code = code.replace("    load_model(model, path)\n", "")
    wrong = judged(LESSON, e, code).wrong["one epoch"]
    assert "not safetensors" in wrong["error"].message
