from fault_bench import faults

__all__ = ["faults"]
