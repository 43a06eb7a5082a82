"""One of each that the house is open to, each in one file: tests/contracts/test_one_file.py."""
