//! One broken model per message.
