//! Checks of the template and of the repository itself.
