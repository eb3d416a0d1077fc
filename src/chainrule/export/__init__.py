"""Networks written for others to run: ONNX, C, NumPy, plain JSON (floor 4)."""
