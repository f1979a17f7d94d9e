"""The former home of the warehouse's names."""

from feedback_assets.schema.days import days_between
from feedback_assets.warehouse.stored_files import NotWritten
from feedback_assets.warehouse.replacing import Written
from feedback_assets.warehouse.warehouse import Warehouse

__all__ = ["NotWritten", "Warehouse", "Written", "days_between"]
