//! Policy engines behind one trait; bundles, checks at load, limits.
