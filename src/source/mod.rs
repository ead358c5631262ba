//! Opens CSV, XLSX, XLSB, XLS and ODS and yields rows with the numbers that a spreadsheet shows.
