"""Who there is: accounts, and the API keys that speak for them. Owns `accounts` and `api_keys`."""
