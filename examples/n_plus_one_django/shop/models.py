"""Orders and customers."""

from __future__ import annotations

from django.db import models


class Customer(models.Model):
    """Somebody who orders."""

    name = models.CharField(max_length=100)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    """One order of one customer."""

    amount = models.IntegerField()
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"{self.amount:>6} {self.customer}"
