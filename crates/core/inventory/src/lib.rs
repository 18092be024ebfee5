//! Which agents and tools exist, and the pins of tool definitions.
