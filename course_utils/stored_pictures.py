"""Pictures drawn once by a lesson's own run, for learners whose network is not ready yet."""

from course_utils.stored import FOLDER


def stored_pictures(lesson, name):
    """The pictures of a name: float32 (N, C, H, W) in [-1, 1]. Raises KeyError for no such name."""
    from safetensors.torch import load_file

    return load_file(FOLDER / f"{lesson}.safetensors")[name].float() / 127.5 - 1


def save_pictures(lesson, pictures):
    """Write a dict name -> images (N, C, H, W) in [-1, 1] as bytes."""
    from safetensors.torch import save_file

    FOLDER.mkdir(exist_ok=True)
    as_bytes = {
        name: ((images.clamp(-1, 1) + 1) * 127.5).round().byte().contiguous()
        for name, images in pictures.items()
    }
    path = FOLDER / f"{lesson}.safetensors"
    save_file(as_bytes, path)
    path.chmod(0o644)  # safetensors writes files that only their owner can read
