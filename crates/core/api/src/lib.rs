//! Our HTTP contract as types.
