"""What every service of this library stands on: limits, bodies, hosts, answers, a server (floor 4).

`serve` and `playground` are made of it. It knows HTTP and no network.
"""
