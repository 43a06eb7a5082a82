"""What trainers of people's own might return: Python's objects of every kind, as text."""

from __future__ import annotations

from hypothesis import strategies as st

VALUES = (
    "0.1", "1", "0", "-1", "10**400", "-10**400", "1e308", "5e-324", "nan", "inf", "-inf", "True", "None",
    "'x'", "''", "'\\x1b[31m'", "'\\x00'", "'\\ud800'", "'a' * 100000", "b'x'", "[]", "[0.1]", "{}", "(1,)",
    "1j", "object()", "Odd()", "lambda: 1", "type", "np.float32(0.1)", "np.float64('nan')", "np.array(0.1)",
    "np.array([0.1, 0.2])", "np.array([])", "np.array('x')", "np.int8(3)", "np.bool_(True)", "np.str_('x')",
    "np.datetime64('NaT')", "np.longdouble('1e4000')", "np.ones(3, bool)", "np.ones((2, 2))", "[1, 0, 1]",
    "[2, 3]", "['a']", "[[1], [1, 2]]", "range(10)", "(x for x in [1])", "__import__('fractions').Fraction(1, 3)",
    "__import__('decimal').Decimal('1e999999')", "__import__('decimal').Decimal('sNaN')",
    "__import__('fractions').Fraction(10**400, 3)", "float", "Loud()", "Endless()",
)  # fmt: skip
KEYS = (
    "'val_error'", "'test_error'", "'n_parameters'", "'test_correct'", "'n_nonzero'", "'latency_seconds'",
    "'reason'", "'status'", "'slot'", "'seed'", "'params'", "'curve'", "'still_improving'", "'method'",
    "'x'", "''", "' '", "'\\x1b[31m'", "'\\x00'", "'\\ud800'", "'a' * 5000", "'../../x'", "'a/b'", "'大'",
    "1", "None", "(1, 2)", "b'x'", "Odd()", "'val_eror'", "'wall_seconds'", "'train_flops'",
)  # fmt: skip
ODD = """
class Odd:
    def __repr__(self):
        raise RuntimeError("no repr")
    __str__ = __repr__
    def __hash__(self):
        return 1
class Loud:
    def item(self):
        raise KeyError("no item")
    def __float__(self):
        raise OverflowError
class Endless:
    def __repr__(self):
        return "x" * 10_000_000
"""
WHOLE = ("None", "1", "[]", "'x'", "{}", "Odd()", "{**{'a%d' % k: k for k in range(5000)}}",
         "dict.fromkeys(range(10))", "__import__('collections').OrderedDict()")  # fmt: skip


@st.composite
def trainer_answers(draw: st.DrawFn) -> str:
    """Lines of Python that make the answer of a trainer."""
    if draw(st.integers(0, 9)) == 0:
        return f"{ODD}\nanswer = {draw(st.sampled_from(WHOLE))}\n"
    good = {"'val_error'": "0.1", "'test_error'": "0.1", "'n_parameters'": "10"}
    for _ in range(draw(st.integers(0, 4))):
        good[draw(st.sampled_from(KEYS))] = draw(st.sampled_from(VALUES))
    if draw(st.integers(0, 5)) == 0:
        good.pop(draw(st.sampled_from(sorted(good))))
    body = ", ".join(f"{key}: {value}" for key, value in good.items())
    return f"{ODD}\nanswer = {{{body}}}\n"
