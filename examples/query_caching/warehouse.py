"""A small trading company: its schema, its tables filled by a seeded generator, and 22 questions about it.

The shape follows the TPC-H benchmark (orders with lines, parts with their suppliers, customers and
suppliers in nations and regions); names, values and queries are this project's own.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

Row = dict[str, Any]

SCHEMA: dict[str, dict[str, str]] = {
    "region": {"r_key": "int", "r_name": "text"},
    "nation": {"n_key": "int", "n_name": "text", "n_region": "int"},
    "supplier": {
        "s_key": "int", "s_name": "text", "s_nation": "int", "s_balance": "double", "s_phone": "text",
        "s_note": "text",
    },
    "customer": {
        "c_key": "int", "c_name": "text", "c_nation": "int", "c_segment": "text", "c_balance": "double",
        "c_phone": "text",
    },
    "part": {
        "p_key": "int", "p_name": "text", "p_brand": "text", "p_kind": "text", "p_size": "int", "p_box": "text",
    },
    "stock": {"ps_part": "int", "ps_supplier": "int", "ps_available": "int", "ps_cost": "double"},
    "orders": {
        "o_key": "int", "o_customer": "int", "o_status": "text", "o_total": "double", "o_date": "date",
        "o_urgency": "text", "o_note": "text",
    },
    "line": {
        "l_order": "int", "l_part": "int", "l_supplier": "int", "l_number": "int", "l_quantity": "int",
        "l_price": "double", "l_discount": "double", "l_tax": "double", "l_flag": "text", "l_status": "text",
        "l_shipped": "date", "l_promised": "date", "l_received": "date", "l_mode": "text",
    },
}  # fmt: skip

NATIONS = ("ARNA", "BELM", "CORA", "DUNE", "ELBA", "FARO", "GOTH", "HULL")
REGIONS = ("NORTH", "EAST", "SOUTH", "WEST")


def queries() -> dict[str, str]:
    """Return the questions by name, in the order of the file."""
    found: dict[str, str] = {}
    for block in Path(__file__).with_name("queries.sql").read_text(encoding="utf-8").split("-- name: ")[1:]:
        name, _, sql = block.partition("\n")
        found[name.strip()] = sql.strip().rstrip(";")
    return found


def tables(*, orders: int = 40, seed: int = 7) -> dict[str, list[Row]]:
    """Return all tables for so many orders; the same seed gives the same rows on every machine."""
    choose = random.Random(seed)
    customers = max(4, orders // 2)
    suppliers = max(4, orders // 4)
    parts = max(6, orders // 3)
    stock = [
        {
            "ps_part": part,
            "ps_supplier": (part * 3 + offset * 5) % suppliers,
            "ps_available": choose.randrange(1, 100),
            "ps_cost": choose.randrange(100, 5_000) / 4,
        }
        for part in range(parts)
        for offset in range(2)
    ]
    placed = [_order(key, customers, choose) for key in range(orders)]
    return {
        "region": [{"r_key": key, "r_name": name} for key, name in enumerate(REGIONS)],
        "nation": [{"n_key": key, "n_name": name, "n_region": key % 4} for key, name in enumerate(NATIONS)],
        "supplier": [_supplier(key, choose) for key in range(suppliers)],
        "customer": [_customer(key, choose) for key in range(customers)],
        "part": [_part(key, choose) for key in range(parts)],
        "stock": stock,
        "orders": placed,
        "line": [line for order in placed for line in _lines(order, stock, choose)],
    }


def _supplier(key: int, choose: random.Random) -> Row:
    return {
        "s_key": key,
        "s_name": f"Supplier {key:03}",
        "s_nation": key % len(NATIONS),
        "s_balance": choose.randrange(-4_000, 40_000) / 4,
        "s_phone": f"{10 + key % len(NATIONS)}-{choose.randrange(1000):03}",
        "s_note": choose.choice(("reliable", "one complaint", "new", "quick")),
    }


def _customer(key: int, choose: random.Random) -> Row:
    return {
        "c_key": key,
        "c_name": f"Customer {key:03}",
        "c_nation": choose.randrange(len(NATIONS)),
        "c_segment": choose.choice(("GARDEN", "KITCHEN", "WORKSHOP")),
        "c_balance": choose.randrange(-2_000, 40_000) / 4,
        "c_phone": f"{10 + choose.randrange(len(NATIONS))}-{choose.randrange(1000):03}",
    }


def _part(key: int, choose: random.Random) -> Row:
    return {
        "p_key": key,
        "p_name": f"{choose.choice(('green', 'red', 'light green', 'blue'))} part {key}",
        "p_brand": f"Brand#{1 + key % 4}",
        "p_kind": choose.choice(("BRASS BOLT", "BRASS NUT", "STEEL BOLT", "COPPER PIPE")),
        "p_size": choose.choice((5, 10, 15, 20, 25, 30)),
        "p_box": choose.choice(("BAG", "CRATE", "DRUM")),
    }


def _order(key: int, customers: int, choose: random.Random) -> Row:
    return {
        "o_key": key,
        # A third of the customers never orders anything.
        "o_customer": choose.randrange(customers) // 3 * 3,
        "o_status": choose.choice(("F", "O")),
        "o_total": choose.randrange(1_000, 400_000) / 4,
        "o_date": date(1995, 1, 1) + timedelta(days=choose.randrange(1_000)),
        "o_urgency": choose.choice(("1-HIGH", "2-SOON", "3-CALM")),
        "o_note": choose.choice(("", "special wrapping", "ring twice")),
    }


def _lines(order: Row, stock: list[Row], choose: random.Random) -> list[Row]:
    lines = []
    for number in range(choose.randrange(1, 6)):
        source = choose.choice(stock)
        shipped = order["o_date"] + timedelta(days=choose.randrange(1, 90))
        lines.append(
            {
                "l_order": order["o_key"],
                "l_part": source["ps_part"],
                "l_supplier": source["ps_supplier"],
                "l_number": number,
                "l_quantity": choose.randrange(1, 50),
                "l_price": choose.randrange(400, 40_000) / 4,
                "l_discount": choose.randrange(0, 9) / 100,
                "l_tax": choose.randrange(0, 9) / 100,
                "l_flag": choose.choice(("R", "A", "N")),
                "l_status": order["o_status"],
                "l_shipped": shipped,
                "l_promised": order["o_date"] + timedelta(days=choose.randrange(20, 80)),
                "l_received": shipped + timedelta(days=choose.randrange(1, 30)),
                "l_mode": choose.choice(("RAIL", "SHIP", "TRUCK")),
            }
        )
    return lines
