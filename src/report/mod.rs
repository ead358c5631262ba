//! Renders progress, summaries, CSV, XLSX, JSONL and HTML into a writer that it is handed.
