"""What makes sampling from sentences fast: each habit against doing without."""

import time

import torch

from course_utils.word_maps import cached_keys_and_values


def milliseconds(run, repeats=5):
    """The shortest of some runs, in milliseconds: the one that was disturbed least."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


@torch.no_grad()
def speed_table(unet, plain, encode_text, pictures=32):
    """How many times longer a step takes without each habit, as text.

    unet is in channels-last memory; plain is the same network without it.
    """
    texts = ["a small red circle"] * pictures + [""] * pictures
    x, context = torch.randn(2 * pictures, 3, 16, 16), encode_text(texts)
    t, long = torch.zeros(2 * pictures, dtype=torch.long), context.repeat(1, 5, 1)[:, :77]
    halves = [slice(0, pictures), slice(pictures, None)]
    with cached_keys_and_values(unet):
        base = milliseconds(lambda: unet(x, t, context))
    fresh = milliseconds(lambda: unet(x, t, context))
    without = {
        "keys and values kept": fresh / base,
        "captions encoded once": 1 + milliseconds(lambda: encode_text(texts), 3) / base,
        "16 tokens, not 77": milliseconds(lambda: unet(x, t, long)) / fresh,
        "one batched call": milliseconds(lambda: [unet(x[h], t[h], context[h]) for h in halves])
        / fresh,
        "channels-last memory": milliseconds(lambda: plain(x, t, context)) / fresh,
    }
    return "\n".join(f"{habit:24}{factor:5.2f} times" for habit, factor in without.items())
