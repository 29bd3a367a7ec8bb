"""What makes sampling from sentences fast: each habit against doing without."""

import time

import torch

from course_utils.word_maps import cached_keys_and_values


def milliseconds(run, repeats=9):
    """The shortest of some runs, in milliseconds: the one that was disturbed least."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def speed_table(unet, plain, encode_text, counts=(1, 32)):
    """How many times longer a step takes without each habit, for some numbers of pictures, as text.

    unet is in channels-last memory; plain is the same network without it.
    """
    columns = [_factors(unet, plain, encode_text, pictures) for pictures in counts]
    lines = ["how many times longer".ljust(24) + "".join(f"{n:5} pictures" for n in counts)]
    for habit in columns[0]:
        lines.append(habit.ljust(24) + "".join(f"{column[habit]:14.2f}" for column in columns))
    return "\n".join(lines)


@torch.no_grad()
def _factors(unet, plain, encode_text, pictures):
    texts = ["a small red circle"] * pictures + [""] * pictures
    x, context = torch.randn(2 * pictures, 3, 16, 16), encode_text(texts)
    t, long = torch.zeros(2 * pictures, dtype=torch.long), context.repeat(1, 5, 1)[:, :77]
    halves = [slice(0, pictures), slice(pictures, None)]
    with cached_keys_and_values(unet):
        kept = milliseconds(lambda: unet(x, t, context))
    fresh = milliseconds(lambda: unet(x, t, context))
    twice = milliseconds(lambda: [unet(x[h], t[h], context[h]) for h in halves])
    return {
        "one batched call": twice / fresh,
        "16 tokens, not 77": milliseconds(lambda: unet(x, t, long)) / fresh,
        "captions encoded once": 1 + milliseconds(lambda: encode_text(texts)) / fresh,
        "keys and values kept": fresh / kept,
        "channels-last memory": milliseconds(lambda: plain(x, t, context)) / fresh,
    }
