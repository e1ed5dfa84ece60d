from engine_bench import bench

__all__ = ["bench"]
