"""The layouts of settlement files that payment gateways document: what differs from the usual.

From their public documents, not from files of theirs. Toss Payments documents an answer of its
API, whose fields are the columns here. KG Inicis and NicePay document none in public.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROFILES: Mapping[str, Mapping[str, Any]] = {
    "adyen": {  # the settlement details report
        "columns": {
            "transaction_id": "Psp Reference",
            "payment_id": "Merchant Reference",
            "at": "Creation Date",
            "kind": "Type",
            "debit": "Gross Debit (GC)",
            "credit": "Gross Credit (GC)",
            "currency": "Gross Currency",
        },
        "capture_words": ("Settled",),
        "refund_words": ("Refunded",),
        "ignore_words": (
            *("Fee", "MiscCosts", "MerchantPayout", "DepositCorrection", "InvoiceDeduction"),
            *("Chargeback", "SecondChargeback", "ChargebackReversed", "MatchedStatement"),
            *("ManualCorrected", "BankInstructionReturned", "EpaPaid", "Balancetransfer"),
            *("PaymentCost", "PaidOut", "PaidOutReversed"),
        ),
    },
    "paypal": {  # the settlement report (STL): amounts in hundredths of every currency
        "columns": {
            "transaction_id": "Transaction ID",
            "payment_id": "Invoice ID",
            "at": "Transaction Completion Date",
            "kind": "Transaction Event Code",
            "amount": "Gross Transaction Amount",
            "direction": "Transaction Debit or Credit",
            "currency": "Gross Transaction Currency",
        },
        "minor_digits": 2,
        "capture_words": tuple(f"T00{n:02}" for n in (0, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13)),
        "refund_words": ("T1107",),
        "ignore_words": (
            *("T0100", "T0101", "T0102", "T0103", "T0104", "T0106", "T0107"),
            *("T0200", "T0300", "T0400", "T0401", "T0403", "T1201", "T1202"),
        ),
        "skip_first": 3,
        "ignore_first_words": ("RH", "FH", "SH", "SF", "SC", "RF", "RC", "FF"),
    },
    "stripe": {  # the itemized report of the change in balance
        "columns": {
            "transaction_id": "source_id",
            "at": "created_utc",
            "kind": "reporting_category",
            "amount": "gross",
            "fee": "fee",
            "currency": "currency",
        },
        "zone": "UTC",
        "capture_words": ("charge",),
        "refund_words": ("refund",),
        "ignore_words": (
            *("fee", "network_cost", "payout", "payout_reversal", "payout_minimum_balance_hold"),
            *("dispute", "dispute_reversal", "topup", "topup_reversal", "transfer"),
            *("transfer_reversal", "tax", "other_adjustment", "contribution", "platform_earning"),
        ),
    },
    "toss": {  # Toss Payments: what its settlement API answers
        "columns": {
            "transaction_id": "transactionKey",
            "at": "approvedAt",
            "amount": "amount",
            "currency": "currency",
        },
    },
}
