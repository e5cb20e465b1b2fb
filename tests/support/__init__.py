"""Doubles and worlds that several tests share."""
