"""The payment gateway's settlement file: layouts, reading, matching with our rows."""
