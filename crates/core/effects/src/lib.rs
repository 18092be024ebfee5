//! What an action does: from a tool's definition and arguments to effects on resources.
