"""What touches the clock, the collector, the allocators and the process."""
