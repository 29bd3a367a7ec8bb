"""Small trained models that ship with the course, as safetensors: data that cannot run.

The metadata of each file is a dict of strings: how it was trained and how good it is.
"""

from pathlib import Path

FOLDER = Path(__file__).parent


def load_checkpoint(name, model, device="cpu"):
    """Load the weights of a shipped checkpoint into model and return its metadata.

    name is a lesson, such as "04_ddpm". Raises FileNotFoundError for a name that does not ship.
    """
    from safetensors import safe_open
    from safetensors.torch import load_model

    path = FOLDER / f"{name}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(
            f"no checkpoint {name!r}; there are: {', '.join(_names()) or 'none'}"
        )
    load_model(model, path, device=str(device))
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def save_checkpoint(path, model, **metadata):
    """Write the weights of model and metadata (anything with a `str`) to a safetensors file."""
    from safetensors.torch import save_file

    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    save_file(state, path, metadata={key: str(value) for key, value in metadata.items()})
    Path(path).chmod(0o644)  # safetensors writes files that only their owner can read


def _names():
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))
