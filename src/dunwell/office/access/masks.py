"""Personal data as it is shown until somebody opens it with a reason."""


def masked_name(name: str | None) -> str:
    """A name by its first letters.

    >>> masked_name("Ann Example"), masked_name("张小明"), masked_name(None)
    ('A•• E••', '张••', '••')
    """
    if not name:
        return "••"
    words = name.split()
    if len(words) == 1 and not name.isascii():
        return f"{name[0]}••"
    return " ".join(f"{word[0]}••" for word in words)


def masked_address(value: str | None) -> str:
    """A number or an address by its end, enough to tell two apart.

    >>> masked_address("+44 7700 900123"), masked_address("ann@example.com"), masked_address("1 High Street, Leeds")
    ('••• 0123', 'a••@example.com', '1 H•••')
    """
    if not value:
        return "••"
    name, at, host = value.partition("@")
    if at:
        return f"{name[:1]}••@{host}"
    digits = [letter for letter in value if letter.isdigit()]
    if len(digits) >= 7 and len(digits) * 2 >= len(value):
        return f"••• {''.join(digits[-4:])}"
    return f"{value[:3]}•••"
