"""Train lesson 01's capstone with several seeds, by running the lesson's own cells.

    .venv/bin/python scripts/gate_01_pytorch.py [--seeds 0 1 2] [--quick]

Prints accuracy and times of each run, and the spread.
"""

from lesson_cells import described, names_of, read_options, run_cells, timed

LESSON, SEED_LINE = "01_pytorch", "torch.manual_seed(0)"
CELLS = ("tools", "capstone-model", "capstone-train", "capstone-gate")
LOOP = ("train_one_epoch", "evaluate")


def accuracy(seed):
    """Share of test digits named rightly by a network trained from this seed."""
    space = names_of(LESSON) | {"LOOP": LOOP}
    with timed(f"seed {seed}"):
        run_cells(space, LESSON, CELLS, (SEED_LINE, f"torch.manual_seed({seed})"))
    return space["accuracy"]


def main():
    parser = described(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    shares = {seed: accuracy(seed) for seed in read_options(parser).seeds}
    for seed, share in shares.items():
        print(f"seed {seed}: accuracy {share:.2%}")
    low, high = min(shares.values()), max(shares.values())
    print(f"accuracy {low:.2%} to {high:.2%} over {len(shares)} seeds")


main()
