"""ONNX files as networks (floor 4).

`files` reads a file as something that nobody vouches for and makes plain records of it; `call` is
what an operator is given; a file for each family of operators says what they compute, with our
operations; `network` is the module that carries the nodes out.
"""
