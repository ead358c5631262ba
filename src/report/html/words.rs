//! The page's words in each language. Numbers stand beside labels rather than in sentences, so that no language needs a plural.

use crate::model::{ProblemCode, Stop};

use super::data::Language;

macro_rules! words {
    ($($name:ident: $english:literal, $arabic:literal;)*) => {
        /// Every fixed text of the page.
        pub(super) struct Words {
            language: Language,
            $(pub(super) $name: &'static str,)*
        }

        const ENGLISH: Words = Words { language: Language::English, $($name: $english,)* };
        const ARABIC: Words = Words { language: Language::Arabic, $($name: $arabic,)* };
    };
}

words! {
    lang: "en", "ar";
    dir: "ltr", "rtl";
    run: "Run", "تشغيل رقم";
    verdict_done: "Done: every row is dealt with.", "اكتمل: عولجت كل الصفوف.";
    verdict_person: "Finished; some rows need a person.", "انتهى، وتحتاج بعض الصفوف إلى تدخل شخص.";
    verdict_pending: "Not finished: rows are still due.", "لم يكتمل: ما زالت هناك صفوف لم تُرسل.";
    file: "File", "الملف";
    tenant: "Tenant", "المستأجر";
    address: "Address", "العنوان";
    began: "Began (UTC)", "البداية (UTC)";
    ended: "Ended (UTC)", "النهاية (UTC)";
    took: "Took", "المدة";
    requests: "Requests", "الطلبات";
    throttled: "Told to wait (429)", "طُلب منها الانتظار (429)";
    changed: "Changed after creation, not sent again", "تغيّرت بعد الإنشاء ولم تُرسل ثانية";
    rows: "Rows", "الصفوف";
    created: "Invitations created", "دعوات أُنشئت";
    already_created: "Created before", "أُنشئت من قبل";
    needing_a_person: "Need a person", "تحتاج إلى شخص";
    pending: "Not tried yet", "لم تُجرَّب بعد";
    duplicate: "Duplicates", "مكررة";
    invalid: "Invalid", "غير صالحة";
    rejected: "Rejected", "مرفوضة";
    failed: "Failed", "فشلت";
    uncertain: "Uncertain", "غير مؤكدة";
    created_meaning: "Created by this run.", "أُنشئت في هذا التشغيل.";
    already_created_meaning: "Created by an earlier run; not sent again.", "أُنشئت في تشغيل سابق ولم تُرسل ثانية.";
    duplicate_meaning: "The same invitation stands in an earlier row of the file.", "الدعوة نفسها موجودة في صف سابق من الملف.";
    invalid_meaning: "The row does not pass validation; nothing was sent.", "لم يجتز الصف التحقق ولم يُرسل شيء.";
    rejected_meaning: "Vlens answered that it will not create the invitation.", "أجابت Vlens بأنها لن تنشئ الدعوة.";
    failed_meaning: "Certainly not created; every attempt is used up.", "لم تُنشأ يقينًا، واستُنفدت كل المحاولات.";
    uncertain_meaning: "The request went out and its answer never came, or does not tell.", "خرج الطلب ولم يصل رده، أو لم يكن الرد واضحًا.";
    pending_meaning: "Due; the next run sends them.", "مستحقة، ويرسلها التشغيل التالي.";
    rows_by_status: "Rows by status", "الصفوف حسب الحالة";
    rows_by_status_plot: "One bar, divided by the share of each status; the table below has the numbers.", "شريط واحد مقسّم بحسب نصيب كل حالة، والأرقام في الجدول أدناه.";
    numbers: "The numbers", "الأرقام";
    status: "Status", "الحالة";
    share: "Share", "النسبة";
    meaning: "Meaning", "المعنى";
    uncertain_heading: "What to do about uncertain rows", "ما العمل في الصفوف غير المؤكدة";
    uncertain_advice: "They are held back so that nobody is invited twice. List them, find out from Vlens whether each invitation exists, and record the answer row by row; not-created makes a row due again.", "حُجزت هذه الصفوف كي لا يُدعى أحد مرتين. استخرجها، واسأل Vlens هل أُنشئت كل دعوة، ثم سجّل الجواب صفًا صفًا؛ والخيار \u{2066}not-created\u{2069} يجعل الصف مستحقًا من جديد.";
    problems: "Commonest problems", "أكثر المشكلات شيوعًا";
    problems_advice: "These rows were not sent. Take them out, correct them, and run the corrected file.", "لم تُرسل هذه الصفوف. استخرجها وصحّحها ثم شغّل الملف المصحّح.";
    column: "Column", "العمود";
    problem: "Problem", "المشكلة";
    count: "Rows", "الصفوف";
    rejections: "Commonest rejections", "أكثر أسباب الرفض شيوعًا";
    rejections_advice: "The answers of Vlens, with what looks like personal data masked.", "ردود Vlens، مع إخفاء ما يشبه البيانات الشخصية.";
    code: "Code", "الرمز";
    message: "Message", "الرسالة";
    per_minute: "Requests per minute", "الطلبات في الدقيقة";
    per_minute_plot: "Requests in each minute of the run; the dashed line is the limit per minute as it is set now.", "الطلبات في كل دقيقة من التشغيل، والخط المتقطع هو الحد في الدقيقة.";
    per_second: "Busiest second of each minute", "أكثر الثواني ازدحامًا في كل دقيقة";
    per_second_plot: "Requests in the busiest second of each minute; the dashed line is the limit per second as it is set now.", "الطلبات في أكثر ثواني كل دقيقة ازدحامًا، والخط المتقطع هو الحد في الثانية.";
    axis_minutes: "Along the bottom: minutes since the first request.", "على المحور الأفقي: الدقائق منذ أول طلب.";
    axis_hours: "Along the bottom: hours since the first request. Each bar shows the highest value of its stretch.", "على المحور الأفقي: الساعات منذ أول طلب. يعرض كل عمود أعلى قيمة في فترته.";
    limit: "Limit as set now", "الحد المضبوط حاليًا";
    unlimited: "none", "بلا حد";
    minute: "From minute", "من الدقيقة";
    latency: "How long answers took", "زمن الرد";
    latency_text: "So many of the answers came within so many milliseconds.", "هذه النسبة من الردود وصلت خلال هذا العدد من الملّي ثانية.";
    latency_plot: "One bar for each share of the answers: half, nine of ten, ninety-five and ninety-nine of a hundred.", "عمود لكل نسبة من الردود: النصف، تسعة من عشرة، ثم خمسة وتسعون وتسعة وتسعون من مئة.";
    share_of_answers: "Share of answers", "نسبة الردود";
    milliseconds: "Milliseconds", "ملّي ثانية";
    history: "Runs of this ledger", "عمليات التشغيل في هذا السجل";
    history_plot: "One bar for each run, oldest first: invitations created, rows that need a person, rows not tried yet.", "عمود لكل تشغيل، الأقدم أولًا: الدعوات التي أُنشئت، والصفوف التي تحتاج إلى شخص، والصفوف التي لم تُجرَّب بعد.";
    footer: "Made by vlens-batch. This page holds no personal data and no token, and loads nothing. \"Created\" means that Vlens created the invitation, not that the customer has received it.", "أعدّه vlens-batch. لا تحتوي هذه الصفحة على بيانات شخصية ولا رموز جلسات، ولا تحمّل شيئًا من الشبكة. «أُنشئت» تعني أن Vlens أنشأت الدعوة، لا أن العميل تسلّمها.";
    stop_signal: "It was told to stop.", "طُلب إيقافه.";
    stop_refused: "Vlens refuses every request.", "ترفض Vlens كل الطلبات.";
    stop_failures: "Too many rows in a row failed or became uncertain.", "فشلت صفوف متتالية كثيرة أو صارت غير مؤكدة.";
    stop_limit: "The number of rows given by --limit was sent.", "أُرسل عدد الصفوف المحدد بالخيار \u{2066}--limit\u{2069}.";
    stop_duration: "The time given by --max-duration was used up.", "انقضى الوقت المحدد بالخيار \u{2066}--max-duration\u{2069}.";
    stop_invalid_rows: "Rows are invalid and --on-invalid stop was given.", "توجد صفوف غير صالحة، والخيار \u{2066}--on-invalid stop\u{2069} مفعّل.";
    stop_expectation: "The number of rows to send is not the one given by --expect.", "عدد الصفوف المستحقة ليس العدد المحدد بالخيار \u{2066}--expect\u{2069}.";
}

impl Words {
    pub(super) fn of(language: Language) -> &'static Words {
        match language {
            Language::English => &ENGLISH,
            Language::Arabic => &ARABIC,
        }
    }

    pub(super) fn stop(&self, stop: Stop) -> &'static str {
        match stop {
            Stop::Signal => self.stop_signal,
            Stop::Refused => self.stop_refused,
            Stop::Failures => self.stop_failures,
            Stop::Limit => self.stop_limit,
            Stop::Duration => self.stop_duration,
            Stop::InvalidRows => self.stop_invalid_rows,
            Stop::Expectation => self.stop_expectation,
        }
    }

    pub(super) fn problem(&self, code: ProblemCode) -> &'static str {
        match self.language {
            Language::English => code.meaning(),
            Language::Arabic => problem_in_arabic(code),
        }
    }
}

fn problem_in_arabic(code: ProblemCode) -> &'static str {
    match code {
        ProblemCode::Missing => "قيمة مطلوبة فارغة.",
        ProblemCode::RecipientMissing => "لا يوجد هاتف ولا بريد إلكتروني.",
        ProblemCode::PhoneInvalid => "رقم الهاتف ليس رقمًا صحيحًا في البلد المحدد ولا رقمًا دوليًا.",
        ProblemCode::PhoneRounded => "قرّب Excel رقم الهاتف فضاعت أرقام منه.",
        ProblemCode::PhoneSeveral => "في الخلية أكثر من رقم هاتف.",
        ProblemCode::EmailInvalid => "البريد الإلكتروني غير صحيح.",
        ProblemCode::NumberInvalid => "القيمة ليست عددًا.",
        ProblemCode::NumberRounded => "قرّب Excel العدد فضاعت أرقام منه.",
        ProblemCode::NumberAmbiguous => {
            "قد تكون الفاصلة للآلاف وقد تكون للكسر، أو يخلط العمود بين الطريقتين."
        }
        ProblemCode::DateInvalid => "القيمة ليست تاريخًا بالصيغة المتوقعة.",
        ProblemCode::DateAmbiguous => {
            "لا يمكن التمييز بين اليوم والشهر، أو يخلط العمود بين الترتيبين."
        }
        ProblemCode::BooleanInvalid => "القيمة ليست نعم ولا لا.",
        ProblemCode::ChoiceUnknown => "القيمة ليست من الاختيارات.",
        ProblemCode::NationalIdInvalid => "الرقم القومي ليس على الصورة المعروفة.",
        ProblemCode::NationalIdRounded => "قرّب Excel الرقم القومي أو اختصره فضاعت أرقام منه.",
        ProblemCode::BirthDateMismatch => "تاريخ الميلاد يخالف الرقم القومي.",
        ProblemCode::ContractTypeUnknown => "القيمة لا تدل على نوع عقد معروف.",
        ProblemCode::ConditionUnmet => "الحقل يخص إجابة أخرى عن سؤاله الأصلي.",
        ProblemCode::TooManyCells => "خلايا الصف أكثر من عناوين الأعمدة.",
        ProblemCode::Undecodable => "في النص بايتات غريبة عن ترميز الملف.",
        ProblemCode::Garbled => "كان النص تالفًا عند حفظه.",
        ProblemCode::CellError => "في الخلية خطأ مثل ‎#N/A.",
        ProblemCode::FormulaUncalculated => "في الخلية معادلة لم تُحفظ نتيجتها.",
        ProblemCode::MergedCell => "الخلية مغطاة بخلايا مدمجة فقيمتها مجهولة.",
        ProblemCode::TemplateFailed => "لا يعطي القالب قيمة لهذا الصف.",
        ProblemCode::TooLong => "القيمة أطول من أن تُرسل.",
    }
}
