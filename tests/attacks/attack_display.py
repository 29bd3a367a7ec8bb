"""Outputs, hooks and texts that shall be taken for a grade, or run on somebody's page."""

from attack_world import cell, on_call

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"
ANSI = "\\x1b[2J\\x1b]0;owned\\x07\\x1b[31m8.0"

ATTACKS = [
    cell("a display hook", "import sys\nsys.displayhook = lambda value: print(8.0)\n8.0\n"),
    cell(
        "an input transformer",
        "from IPython import get_ipython\nget_ipython().input_transformers_post.append(lambda lines: ['8.0'])\n",
    ),
    cell(
        "a syntax tree transformer",
        "import ast\nfrom IPython import get_ipython\nclass T(ast.NodeTransformer):\n    visit = lambda s, n: ast.parse('8.0')\nget_ipython().ast_transformers.append(T())\n",
    ),
    cell(
        "events of the shell",
        "from IPython import get_ipython\nget_ipython().events.register('post_run_cell', lambda *a: print(8.0))\n",
    ),
    cell("a number as the last line", "", "\n8.0\n"),
    on_call("prints of a score", "print(8.0)\nimport sys\nsys.stderr.write('8.0')"),
    on_call(
        "writes to the first file descriptors",
        "import os\nfor fd in (0, 1, 2):\n    os.write(fd, b'8.0')",
    ),
    on_call("a script in an error", f"raise ValueError({SCRIPT!r})"),
    on_call("terminal codes in an error", f"raise ValueError('{ANSI}')"),
    on_call("a script as the name of an error", f"raise type({SCRIPT!r}, (Exception,), {{}})()"),
    on_call(
        "terminal codes as the name of an error", f"raise type('{ANSI}', (Exception,), {{}})()"
    ),
    on_call(
        "a script as the name of a type", f"Odd = type({SCRIPT!r}, (), {{}})\nreturn Odd(), Odd()"
    ),
    on_call("a script as an answer", f"return {SCRIPT!r}, {SCRIPT!r}"),
    cell(
        "a script as the name of a function",
        "",
        f"\ncode = compile('def f(*a): raise ValueError(1)', '<cell x>', 'exec')\nspace = {{}}\nexec(code, space)\nf = space['f']\nf.__code__ = f.__code__.replace(co_name={SCRIPT!r})\nforward_diffusion = f\n",
    ),
    on_call(
        "an error whose text runs code",
        "class E(Exception):\n    def __str__(self):\n        import os\n        os._exit(0)\nraise E()",
    ),
    on_call(
        "an error whose text never ends",
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E()",
    ),
    on_call(
        "an error whose class lies",
        "class E(Exception):\n    __class__ = property(lambda s: 1 / 0)\n    __traceback__ = property(lambda s: 1 / 0)\nraise E()",
    ),
    on_call("an error of ten million letters", "raise ValueError('x' * 10**7)"),
    on_call("a base exception", "raise BaseException('8.0')"),
    on_call(
        "the engine's own stop", "from course_utils.engine.limits import StopProbe\nraise StopProbe"
    ),
    on_call("NotImplementedError to look untouched", "raise NotImplementedError"),
    on_call(
        "an exception group", "raise BaseExceptionGroup('g', [SystemExit(0), KeyboardInterrupt()])"
    ),
    on_call("a flood of warnings", "import warnings\nfor i in range(20000): warnings.warn(str(i))"),
]
