"""What autograd keeps for a backward pass that may come: the graph, and how many bytes it holds."""

from torch.autograd.graph import saved_tensors_hooks


class GraphMemory:
    """Counts what the graph holds while the block runs: `now` and `peak`, in bytes.

    A tensor that several operations keep counts once. Tensors in `ignore`, such as a model's
    parameters, exist anyway and do not count.

        with GraphMemory(model.parameters()) as memory:
            loss = model(x).mean()
        print(memory.peak)
    """

    def __init__(self, ignore=()):
        self.now = self.peak = 0
        self._ignored = {_address(tensor) for tensor in ignore}
        self._holders = {}  # address of a storage -> how many operations keep it
        self._hooks = saved_tensors_hooks(lambda x: _Kept(self, x), lambda kept: kept.tensor)

    def __enter__(self):
        self._hooks.__enter__()
        return self

    def __exit__(self, *error):
        self._hooks.__exit__(*error)

    def add(self, tensor, change):
        """One operation more (change 1) or less (-1) keeps this tensor."""
        address = _address(tensor)
        if address in self._ignored:
            return
        before = self._holders.get(address, 0)
        self._holders[address] = before + change
        if not before or not before + change:
            self.now += change * tensor.untyped_storage().nbytes()
            self.peak = max(self.peak, self.now)


class _Kept:
    """What autograd holds instead of the tensor; it dies when the graph lets go of it."""

    def __init__(self, memory, tensor):
        self.memory, self.tensor = memory, tensor.detach()
        memory.add(tensor, 1)

    def __del__(self):
        self.memory.add(self.tensor, -1)


def _address(tensor):
    return tensor.untyped_storage().data_ptr()


def memory_of_steps(run, steps, ignore=()):
    """A dict n -> what autograd keeps at most during `run(n)`, in MB, for each n of steps."""
    peaks = {}
    for n in steps:
        with GraphMemory(ignore) as memory:
            run(n)
        peaks[n] = memory.peak / 2**20
    return peaks


def print_graph(node, depth=0):
    """The operations behind a tensor's `grad_fn`, each one under the operation that used it."""
    print("   " * depth + node.name())
    for before, _ in node.next_functions:
        if before is not None:
            print_graph(before, depth + 1)
