"""Notebooks whose cells were changed, moved, copied, taken away or broken."""

import handin
from attack_world import AFTER, BEFORE, TARGET, WRONG, structure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

SCORE = [new_output("execute_result", data={"text/plain": "8.0"}, execution_count=1)]


def the_test(nb):
    return handin.cell_of(nb, f"test_{TARGET}")


def answer(nb):
    return handin.cell_of(nb, TARGET)


ATTACKS = []


def attack(name, **about):
    def register(change):
        ATTACKS.append(structure(name, **about)(change))
        return change

    return register


@attack("skip-execution on the test")
def _(nb):
    the_test(nb).metadata.tags = ["skip-execution"]


@attack("tags of every kind on every cell")
def _(nb):
    for c in nb.cells:
        c.metadata.tags = ["skip-execution", "raises-exception", "remove_cell", "hide-input"]


@attack("grade: false on the test")
def _(nb):
    the_test(nb).metadata.nbgrader.update(grade=False, locked=False)


@attack("more points in the metadata")
def _(nb):
    the_test(nb).metadata.nbgrader["points"] = 1000


@attack("a manual answer made of the test")
def _(nb):
    the_test(nb).metadata.nbgrader.update(solution=True, task=False)


@attack("another schema version")
def _(nb):
    for c in nb.cells:
        if "nbgrader" in c.metadata:
            c.metadata.nbgrader["schema_version"] = 99


@attack("outputs with a score")
def _(nb):
    for c in nb.cells:
        if c.cell_type == "code":
            c.outputs = SCORE


@attack("the test rewritten to a number")
def _(nb):
    the_test(nb).source = "8.0"


@attack("the test deleted")
def _(nb):
    nb.cells.remove(the_test(nb))


@attack("the answer deleted")
def _(nb):
    nb.cells.remove(answer(nb))


@attack("the answer copied, both with its name")
def _(nb):
    nb.cells.append(new_code_cell("forward_diffusion = None", metadata=dict(answer(nb).metadata)))


@attack("the test copied")
def _(nb):
    nb.cells += [new_code_cell("8.0", metadata=dict(the_test(nb).metadata), outputs=SCORE)]


@attack("every cell in the opposite order")
def _(nb):
    nb.cells.reverse()


@attack("the answer as markdown")
def _(nb):
    answer(nb).cell_type = "markdown"


@attack("the answer as a raw cell")
def _(nb):
    answer(nb).cell_type = "raw"


@attack("the answer as a kind that does not exist")
def _(nb):
    answer(nb).cell_type = "<script>"


@attack("a cell without a kind")
def _(nb):
    nb.cells.append({"metadata": {}, "source": "1"})


@attack("the test as markdown")
def _(nb):
    the_test(nb).cell_type = "markdown"


@attack("the right answer of another exercise under this name", target=handin.reference(BEFORE))
def _(nb):
    pass


@attack("the names of two cells swapped", costs=(BEFORE,))
def _(nb):
    mine, other = answer(nb).metadata.nbgrader, handin.cell_of(nb, BEFORE).metadata.nbgrader
    mine.grade_id, other.grade_id = other.grade_id, mine.grade_id


@attack("every cell with the same name", costs=(BEFORE, AFTER))
def _(nb):
    for c in nb.cells:
        if "nbgrader" in c.metadata:
            c.metadata.nbgrader.grade_id = TARGET


@attack("a name that is a list")
def _(nb):
    the_test(nb).metadata.nbgrader.grade_id = ["a"]


@attack("metadata of wrong kinds")
def _(nb):
    nb.cells.append({"cell_type": "code", "metadata": [1], "source": "1"})
    nb.metadata = [1]


@attack("a source that is a mapping")
def _(nb):
    nb.cells.append({"cell_type": "code", "metadata": {}, "source": {"a": 1}})


@attack("half of a surrogate pair")
def _(nb):
    answer(nb).source += "\n# \ud800"


@attack("a zero byte")
def _(nb):
    answer(nb).source += "\0"


@attack("a source of ten megabytes")
def _(nb):
    nb.cells.append(new_code_cell("x = 1\n" * 1_700_000))


@attack("brackets, very deep")
def _(nb):
    nb.cells.append(new_code_cell("x = " + "(" * 50_000 + ")" * 50_000))


@attack("operators, very deep")
def _(nb):
    handin.add_before(nb, TARGET, "helper = " + "-" * 40_000 + "1")
    answer(nb).source += "\nhelper"


@attack("attributes, very deep")
def _(nb):
    handin.add_before(nb, TARGET, "helper = x" + ".x" * 45_000)
    answer(nb).source += "\nhelper"


@attack("ten thousand helpers, each of which needs the next")
def _(nb):
    chain = "\n".join(f"h{i} = h{i + 1}" for i in range(7000))
    handin.add_before(nb, TARGET, chain)
    answer(nb).source += "\nh0"


@attack("one helper written ten thousand times")
def _(nb):
    handin.add_before(nb, TARGET, "helper = 1\n" * 9000)
    answer(nb).source += "\nhelper"


@attack("cell magics")
def _(nb):
    handin.add_before(
        nb, TARGET, "%%bash\ncat /etc/passwd", "%%javascript\nalert(1)", "!kill -9 -1"
    )
    answer(nb).source = "%%writefile /tmp/x\n" + WRONG


@attack("line magics in the answer")
def _(nb):
    answer(nb).source = "%load_ext autoreload\n%reset -f\n!kill -9 -1\n" + WRONG


@attack("a helper that takes the place of PyTorch")
def _(nb):
    handin.add_before(nb, TARGET, "class torch:\n    allclose = equal = lambda *a: True")


@attack("another kernel")
def _(nb):
    nb.metadata.kernelspec = {"name": "bash", "language": "bash", "display_name": "x"}
    nb.metadata.language_info = {"name": "bash", "pygments_lexer": "<script>"}


@attack("the same id for every cell")
def _(nb):
    for c in nb.cells:
        c.id = "x"


@attack("scripts in cells of its own")
def _(nb):
    nb.cells.insert(0, new_markdown_cell("<script>alert(1)</script>"))
