"""A training loop that shows the time left and can be interrupted without losing what is done."""


def run_steps(step, num_steps, description="training"):
    """Call `step() -> float` num_steps times and return the losses as a list.

    Interrupting (Kernel > Interrupt, Ctrl-C) ends the loop early: the model keeps what it learned.
    """
    from tqdm.auto import tqdm

    losses = []
    with tqdm(total=num_steps, desc=description, unit="step") as bar:
        try:
            for _ in range(num_steps):
                losses.append(step())
                bar.update()
                bar.set_postfix(loss=f"{_recent_mean(losses):.4f}", refresh=False)
        except KeyboardInterrupt:
            bar.set_description(f"{description} stopped")
    return losses


def _recent_mean(losses, window=100):
    recent = losses[-window:]
    return sum(recent) / len(recent)
