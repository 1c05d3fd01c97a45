"""Units of length as programs write them."""

import re

UM_PER_METRE = 1e6
_METRES = {
    "pm": 1e-12,
    "picometer": 1e-12,
    "a": 1e-10,
    "å": 1e-10,
    "angstrom": 1e-10,
    "ångström": 1e-10,
    "nm": 1e-9,
    "nanometer": 1e-9,
    "um": 1e-6,
    "µm": 1e-6,
    "mum": 1e-6,
    "mu": 1e-6,
    "µ": 1e-6,
    "micron": 1e-6,
    "micrometer": 1e-6,
    "mm": 1e-3,
    "millimeter": 1e-3,
    "cm": 1e-2,
    "centimeter": 1e-2,
    "m": 1.0,
    "meter": 1.0,
    "in": 0.0254,
    "inch": 0.0254,
    "inches": 0.0254,
    '"': 0.0254,
}


def um_per_unit(text: str) -> float | None:
    r"""Return how many micrometres a unit of length is.

    Parameters
    ----------
    text : str
        Any usual spelling, singular or plural, British or American; micro and Angstrom signs in
        any of their code points, or as the escapes that ImageJ writes (``\\u00B5m``).

    Returns
    -------
    float or None
        None if it is no unit of length: ``pixel``.
    """
    # Escapes of ImageJ, then one code point for each sign: Greek mu, the sign of Angstrom.
    name = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), text.strip())
    name = name.replace("\u03bc", "\u00b5").replace("\u212b", "\u00c5")
    # Mm would be a million metres, which nobody means.
    name = name.lower().replace("metre", "meter")
    metres = _METRES.get(name, _METRES.get(name.removesuffix("s")))
    return None if metres is None else metres * UM_PER_METRE
