"""Questions that the filing's prose answers, and those that it does not; data only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Say:
    """A question that one paragraph answers."""

    question: str
    answer: str
    facts: tuple[str, ...]
    """Each stands in the paragraph as written, and in a right answer."""
    near: str = ""
    """Words of the paragraph that tell it from others with the same facts."""


POLICIES = (
    Say(
        "How does Calderwick value its inventories?",
        "Inventories are stated at the lower of cost and net realizable value, with cost "
        "determined by the first-in, first-out method.",
        ("lower of cost and net realizable value", "first-in, first-out"),
    ),
    Say(
        "When does the company recognize revenue from instruments?",
        "Product revenue is recognized when control passes to the customer, normally on shipment, "
        "or on acceptance when payment depends on a test at the customer's site.",
        ("control passes to the customer", "on shipment", "on acceptance"),
    ),
    Say(
        "How is cloud subscription revenue recognized?",
        "Cloud subscriptions and maintenance are recognized evenly over the term, usually one to "
        "three years.",
        ("evenly over the term",),
        "Cloud subscriptions",
    ),
    Say(
        "Over what period are commissions on new subscriptions amortized?",
        "Capitalized commissions on new subscriptions are amortized over five years.",
        ("five years",),
        "commission on a new subscription",
    ),
    Say(
        "What depreciation method and lives does Calderwick use for buildings?",
        "Buildings are depreciated by the straight-line method over 25 to 40 years.",
        ("straight-line", "25 to 40 years"),
    ),
    Say(
        "How often is goodwill tested for impairment?",
        "Goodwill is tested yearly, on the first day of the eleventh fiscal month, and when events "
        "suggest that a reporting unit's fair value may be below its carrying amount.",
        ("yearly", "eleventh fiscal month"),
    ),
    Say(
        "What useful lives are used for acquired developed technology?",
        "Developed technology is amortized by the straight-line method over 5 to 9 years.",
        ("5 to 9 years",),
    ),
    Say(
        "How does Calderwick account for forfeitures of stock awards?",
        "Forfeitures are accounted for when they occur.",
        ("when they occur",),
        "We account for forfeitures",
    ),
    Say(
        "Which investments count as cash equivalents?",
        "Investments with a maturity of three months or less when bought are cash equivalents.",
        ("three months or less",),
    ),
    Say(
        "How are short-term investments classified and carried?",
        "Debt securities are classified as available for sale and carried at fair value.",
        ("available for sale", "fair value"),
    ),
    Say(
        "What is the accounting policy for research and development costs?",
        "Research and development is expensed as incurred, and government grants reduce the "
        "expense.",
        ("expensed as incurred",),
        "Government grants",
    ),
    Say(
        "How does the company treat shipping costs?",
        "Amounts billed for shipping are revenue and the costs of shipping are cost of revenue.",
        ("cost of revenue",),
        "Amounts billed to customers for shipping",
    ),
    Say(
        "When are receivables written off?",
        "Receivables are written off when collection efforts have ended, usually after 18 months.",
        ("18 months",),
        "collection efforts",
    ),
    Say(
        "Does Calderwick capitalize software development costs?",
        "Costs of software sold as a license are expensed, while costs of developing the Trellis "
        "cloud are capitalized and amortized over three years.",
        ("capitalized and amortized over three years",),
    ),
    Say(
        "How long are the warranties on instruments?",
        "Instruments carry a warranty of 12 to 36 months.",
        ("12 to 36 months",),
    ),
    Say(
        "How is repurchased stock accounted for?",
        "Repurchased shares are recorded at cost as treasury stock and have not been retired.",
        ("at cost as treasury stock",),
    ),
    Say(
        "How does Calderwick translate the results of foreign subsidiaries?",
        "Assets and liabilities are translated at year-end rates and income at average rates.",
        ("year-end rates", "average rates"),
    ),
    Say(
        "How does the company measure segment profit?",
        "Segments are measured by operating income before corporate costs, stock-based "
        "compensation, amortization of acquired intangible assets, restructuring and impairment.",
        ("operating income before corporate costs",),
    ),
    Say(
        "How are Calderwick's derivatives designated and where are gains recorded?",
        "Forward contracts on forecast flows are designated as cash flow hedges; gains and losses "
        "go to other comprehensive income until the hedged flow affects earnings.",
        ("cash flow hedges", "other comprehensive income"),
    ),
    Say(
        "When does Calderwick recognize an uncertain tax benefit?",
        "A tax benefit is recognized only when it is more likely than not to be sustained.",
        ("more likely than not to be sustained",),
    ),
)

RISKS = (
    Say(
        "How many of Calderwick's components are single-sourced, and which are named?",
        "Six components come from a single source, among them the thermoelectric coolers of laser "
        "analyzers and the sapphire windows of high-pressure cells.",
        ("thermoelectric coolers", "sapphire windows"),
        "Qualifying a second source",
    ),
    Say(
        "What does Oxley Controls want from Calderwick?",
        "Oxley Controls asks for damages of $64 million and an order that would stop sales of the "
        "Meridian 9 in the United States.",
        ("$64 million", "Meridian 9"),
        "Oxley",
    ),
    Say(
        "What happened in the March 2024 cyber event?",
        "An intruder used a contractor's stolen password to reach a file server in Freiburg and "
        "copied drawings of an older flow meter before the account was shut eleven hours later.",
        ("Freiburg", "drawings of an older flow meter"),
    ),
    Say(
        "What would tariffs announced in spring 2025 cost the company?",
        "Before any mitigation they would raise yearly costs by about $13 million.",
        ("$13 million",),
        "Tariffs",
    ),
    Say(
        "Why are sales in China a risk for Calderwick?",
        "Revenue there declined for the second year because state-owned customers are told to "
        "prefer domestic makers, who sell at about two thirds of the price.",
        ("domestic makers", "two thirds"),
    ),
    Say(
        "What leverage covenant must Calderwick meet?",
        "Net leverage must stay at or below 3.50 times, with interest coverage of at least 3.00 "
        "times.",
        ("3.50 times", "3.00 times"),
    ),
    Say(
        "How would a 10% stronger dollar have affected fiscal 2025 revenue?",
        "It would have lowered revenue by about $56 million and operating income by about $12 "
        "million.",
        ("$56 million", "$12 million"),
    ),
    Say(
        "What could go wrong with the move from Fairport to Rochester?",
        "74 certified test stands must be recertified; delays could bring missed deliveries, "
        "penalties and lower savings.",
        ("74 certified test stands", "penalties"),
    ),
    Say(
        "How dependent is Trellis on cloud providers?",
        "Calderwick depends on two cloud providers and cannot move customers from one to the other "
        "in less than about four months.",
        ("two cloud providers", "four months"),
    ),
    Say(
        "What environmental liability does Calderwick face at Fairport?",
        "Solvents used before 1983 reached groundwater; $6.2 million is accrued, the low end of "
        "a range up to $11.5 million.",
        ("$6.2 million", "$11.5 million"),
    ),
    Say(
        "Which rule change could reduce demand for emission monitors?",
        "The EPA proposed in June 2025 to repeal continuous monitoring for certain boilers, "
        "affecting about 900 installed units.",
        ("June 2025", "continuous monitoring"),
    ),
    Say(
        "How is the service business exposed to hurricanes?",
        "About 19% of Lifecycle Services revenue comes from Gulf Coast plants between Corpus "
        "Christi and Mobile.",
        ("19%", "Corpus Christi"),
    ),
    Say(
        "What happens to Calderwick if interest rates rise by one percentage point?",
        "Yearly interest expense on the term loan would rise by about $1.2 million.",
        ("$1.2 million",),
        "one percentage point",
    ),
    Say(
        "What threat does artificial intelligence pose to Calderwick's software?",
        "Large technology companies offer tools that model a process from raw data, and the EU AI "
        "Act may class parts of Trellis Advisor as high-risk.",
        ("AI Act", "high-risk"),
    ),
    Say(
        "Which provisions could discourage a takeover of Calderwick?",
        "Directors serve three-year terms in three classes, shareholders may not act by written "
        "consent, and some mergers need two thirds of the other holders' votes.",
        ("three classes", "written consent", "two thirds"),
    ),
)

LISTS = (
    Say(
        "What are Calderwick's reportable segments?",
        "Precision Instruments, Process Software and Lifecycle Services.",
        ("Precision Instruments", "Process Software", "Lifecycle Services"),
    ),
    Say(
        "Where are Calderwick's instruments assembled?",
        "In Rochester and Fairport, New York; Freiburg, Germany; and Suzhou, China.",
        ("Rochester", "Fairport", "Freiburg", "Suzhou"),
        "We assemble instruments",
    ),
    Say(
        "Which companies did Calderwick acquire in fiscal 2024 and 2025?",
        "Sorrel Process Analytics in October 2023 and Kestrel Bay Calibration Services in January "
        "2025.",
        ("Sorrel", "Kestrel Bay"),
        "full year of Sorrel",
    ),
    Say(
        "What three research programs took about half of R&D spending in fiscal 2025?",
        "A quantum-cascade light source, a liquid hydrogen Coriolis meter and Trellis Advisor.",
        ("quantum-cascade light source", "liquid hydrogen", "Trellis Advisor"),
    ),
    Say(
        "Name Calderwick's registered trademarks.",
        "They include CALDERWICK, MERIDIAN, TRELLIS and TRUEFLAME.",
        ("CALDERWICK", "MERIDIAN", "TRELLIS", "TRUEFLAME"),
    ),
    Say(
        "What does the Precision Instruments segment make?",
        "Gas chromatographs, laser-based gas analyzers, Coriolis flow meters, turbidity and pH "
        "sensors, and sample-handling systems.",
        ("gas chromatographs", "laser-based gas analyzers", "Coriolis flow meters"),
    ),
    Say(
        "Which currencies does the company hedge?",
        "Euro, sterling and renminbi.",
        ("euro", "sterling", "renminbi"),
        "forward contracts",
    ),
    Say(
        "Which accounting standards has Calderwick not yet adopted?",
        "ASU 2023-09, ASU 2024-03 and ASU 2025-05.",
        ("ASU 2023-09", "ASU 2024-03", "ASU 2025-05"),
    ),
    Say(
        "What kinds of stock awards does the 2021 Omnibus Incentive Plan provide for?",
        "Restricted stock units, performance stock units and options.",
        ("Restricted stock units", "Performance stock units", "Options"),
        "Omnibus",
    ),
    Say(
        "How were the UK pension plan's assets split?",
        "61% bonds, 27% equities and 12% property funds.",
        ("61% bonds", "27% equities", "12% property funds"),
    ),
    Say(
        "What are the critical audit matters in the auditor's report?",
        "Revenue recognition in contracts with multiple performance obligations, and goodwill of "
        "the batch analytics reporting unit.",
        ("Goodwill of the Batch Analytics Reporting Unit",),
    ),
    Say(
        "Which raw commodities would raise costs if their prices rose?",
        "Helium, nickel alloys and platinum.",
        ("helium", "nickel alloys", "platinum"),
    ),
    Say(
        "On which assumptions does the fiscal 2026 forecast rest?",
        "It rests on exchange rates as of July 31, 2025, tariffs then in force, "
        "and no further acquisitions.",
        ("exchange rates as of July 31, 2025", "tariffs", "no further acquisitions"),
    ),
    Say(
        "What do the largest purchase obligations cover?",
        "Laser materials, circuit boards and cloud hosting.",
        ("laser materials", "circuit boards", "cloud hosting"),
    ),
    Say(
        "Which rating agencies rate Calderwick's notes, and how?",
        "Moody's rates them Baa3 and Standard & Poor's BBB-.",
        ("Baa3", "BBB-"),
    ),
)

UNANSWERABLE = (
    "What was Marguerite Osei's total compensation in fiscal 2025?",
    "What is Calderwick's revenue forecast for fiscal 2028?",
    "How much revenue did Calderwick earn in India in fiscal 2025?",
    "What price per share did Calderwick set for its initial public offering?",
    "What were Calderwick's Scope 1 greenhouse gas emissions in fiscal 2025?",
    "What is the churn rate of Trellis by number of customers?",
    "How many Meridian 9 analyzers were sold in fiscal 2025, in units?",
    "What was the depreciation expense of the Process Software segment in fiscal 2025?",
    "What fees did Hollis Penhallow & Tate receive for the audit of fiscal 2025?",
    "Who are Calderwick's three largest institutional shareholders?",
    "What is the name of Calderwick's largest customer?",
    "How much did Calderwick spend on lobbying in fiscal 2025?",
    "What was Calderwick's net promoter score last year?",
    "What discount does Calderwick give on Trellis subscriptions of three years?",
    "What was revenue from Japan in fiscal 2024?",
    "How much goodwill arose from the Lindqvist acquisition?",
    "What were total assets of the Lifecycle Services segment at June 28, 2025?",
    "What was the company's revenue in the first quarter of fiscal 2026?",
    "What interest rate does Calderwick pay on its commercial paper?",
    "What is the median pay of Calderwick's employees, and the CEO pay ratio?",
)
