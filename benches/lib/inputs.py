"""Makes the inputs: sheets of made-up customers with the columns of samples/customers.csv, every one valid and its own."""

import csv
import io
import sys
import zipfile
from xml.sax.saxutils import escape

COLUMNS = ["Name", "Mobile", "E-mail", "National ID", "Date of birth", "Marital status", "Monthly income", "Product",
           "Street", "City"]

CONFIG = """\
[recipient]
phone = "Mobile"
email = "E-mail"
country = "EG"

[contract]
column = "Product"
values = { "Personal loan" = 414, "قرض شخصي" = 414 }

[fields.414]
fullName = { column = "Name", required = true }
nationalId = { column = "National ID", type = "egypt_national_id", required = true }
birthDate = { column = "Date of birth", type = "date", input = "%d/%m/%Y" }
monthlyIncome = { column = "Monthly income", type = "number" }
maritalStatus = { column = "Marital status", type = "choice", choices = { "أعزب" = "Single", "آنسة" = "Single", \
"متزوج" = "Married", "متزوجة" = "Married", "مطلقة" = "Divorced", "أرمل" = "Widowed" } }
address = { template = "{{ row['Street'] }}, {{ row['City'] }}" }
city = "City"
currency = { value = "EGP" }
"""

FIRST = ["منى", "Ahmed", "فاطمة", "Mohamed", "يوسف", "Sara", "كريم", "Nour", "هدى", "Omar"]
MIDDLE = ["عادل", "Mostafa", "السيد", "Hassan", "محمود", "Ibrahim", "سامي"]
LAST = ["إبراهيم", "Kamel", "حسن", "Farouk", "عبد الرحمن", "Saleh", "منصور", "Nabil", "الشريف", "Aziz", "فؤاد"]
STATUS = ["متزوجة", "متزوج", "آنسة", "أعزب", "مطلقة", "أرمل"]
STREET = ["شارع طلعت حرب", "Nile Street", "طريق الحرية", "Tahrir Street", "شارع الهرم"]
CITY = ["Cairo", "Giza", "Alexandria", "الإسكندرية", "Mansoura", "طنطا", "Aswan"]
PREFIX = ["010", "011", "012", "015"]


def customer(n):
    """The n-th customer."""
    year, month, day = 1960 + n % 45, 1 + n % 12, 1 + n % 28
    century = "2" if year < 2000 else "3"
    return [
        f"{FIRST[n % 10]} {MIDDLE[n % 7]} {LAST[n % 11]}",
        f"{PREFIX[n // 100_000_000 % 4]}{n % 100_000_000:08d}",
        f"customer{n}@example.com" if n % 3 else "",
        f"{century}{year % 100:02d}{month:02d}{day:02d}{1 + n % 4:02d}{10001 + n % 89999}",
        f"{day:02d}/{month:02d}/{year}",
        STATUS[n % 6],
        f"{5 + n % 40},{n % 1000:03d}" if n % 2 else str(5000 + n % 20000),
        "قرض شخصي" if n % 4 == 0 else "Personal loan",
        f"{1 + n % 200} {STREET[n % 5]}",
        CITY[n % 7],
    ]


def write_csv(path, first, rows, backwards=False):
    """A CSV of so many customers from the first on, or of the same from the last on."""
    numbers = range(first, first + rows)
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        out.writerows(customer(n) for n in (reversed(numbers) if backwards else numbers))


def write_backwards(path, first, rows):
    write_csv(path, first, rows, backwards=True)


def write_with_a_library(path, rows, library):
    """The same as XlsxWriter or openpyxl write it, with one row hidden."""
    if library == "xlsxwriter":
        import xlsxwriter
        book = xlsxwriter.Workbook(path, {"constant_memory": True})
        sheet = book.add_worksheet("Customers")
        for row, values in enumerate(numbered(rows)):
            sheet.write_row(row, 0, values)
            if row == 50:
                sheet.set_row(row, None, None, {"hidden": True})
        book.close()
    else:
        import openpyxl
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("Customers")
        sheet.row_dimensions[51].hidden = True
        for values in numbered(rows):
            sheet.append(values)
        book.save(path)


def numbered(rows):
    yield ["No", *COLUMNS]
    for n in range(rows):
        yield [n + 1, *customer(n)]


def write_xlsx(path, rows, hidden=False):
    """A workbook as Excel writes it, texts shared, with a running number as its eleventh column."""
    texts = {}

    def cell(letter, row, value):
        if isinstance(value, int):
            return f'<c r="{letter}{row}"><v>{value}</v></c>'
        if value == "":
            return ""
        return f'<c r="{letter}{row}" t="s"><v>{texts.setdefault(value, len(texts))}</v></c>'

    def line(row, values):
        mark = ' hidden="1"' if hidden and row == 51 else ""
        return f'<row r="{row}"{mark}>' + "".join(map(cell, "ABCDEFGHIJK", [row] * 11, values)) + "</row>"

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        with book.open("xl/worksheets/sheet1.xml", "w") as raw:
            out = io.TextIOWrapper(raw, encoding="utf-8", write_through=False)
            out.write(f'{head}<worksheet xmlns="{main}"><dimension ref="A1:K{rows + 1}"/><sheetData>')
            for row, values in enumerate(numbered(rows), start=1):
                out.write(line(row, values))
            out.write("</sheetData></worksheet>")
            out.flush()
        shared = "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
        book.writestr("xl/sharedStrings.xml",
                      f'{head}<sst xmlns="{main}" count="{rows * 10}" uniqueCount="{len(texts)}">{shared}</sst>')
        book.writestr("[Content_Types].xml", f"""{head}<Types xmlns="{package}/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/>
<Override PartName="/xl/sharedStrings.xml" ContentType="{kinds}.sharedStrings+xml"/></Types>""")
        book.writestr("_rels/.rels", f"""{head}<Relationships xmlns="{package}/relationships">
<Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>""")
        book.writestr("xl/workbook.xml", f"""{head}<workbook xmlns="{main}" xmlns:r="{office}">
<sheets><sheet name="Customers" sheetId="1" r:id="rId1"/></sheets></workbook>""")
        book.writestr("xl/_rels/workbook.xml.rels", f"""{head}<Relationships xmlns="{package}/relationships">
<Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="{office}/sharedStrings" Target="sharedStrings.xml"/></Relationships>""")


if __name__ == "__main__":
    kind, path, *numbers = sys.argv[1:]
    numbers = [int(number) for number in numbers]
    if kind in ("csv", "backwards"):
        {"csv": write_csv, "backwards": write_backwards}[kind](path, *numbers)
    elif kind in ("xlsx", "hidden"):
        write_xlsx(path, *numbers, hidden=kind == "hidden")
    else:
        write_with_a_library(path, *numbers, kind)
