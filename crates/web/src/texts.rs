//! Every fixed text of the pages, in both languages.
