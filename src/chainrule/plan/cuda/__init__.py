"""A program on the GPU: fused kernels in CUDA C, one arena, steps captured as graphs (floor 2)."""
