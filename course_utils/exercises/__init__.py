"""One module per lesson: the probes. A probe asserts nothing and knows no answer."""
