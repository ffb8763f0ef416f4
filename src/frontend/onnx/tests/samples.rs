//! Files that real exporters wrote.
