"""Many networks trained as one program: packing, torch programs, compiled kernels."""
