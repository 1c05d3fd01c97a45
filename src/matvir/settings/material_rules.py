"""Rules of a material that no schema can say: settings that exclude or need each other."""

from matvir.settings.records import MaterialConfig

# The search for thresholds takes minutes for one phase more.
MOST_OTSU_PHASES = 5
# The built-in material that has no phases, and those that are stacks of labels.
COLOURED = "ebsd"
STACKS = ("lines", "oblique-lines")


def faults(material: MaterialConfig) -> list[str]:
    """Return one sentence for each rule that a material breaks."""
    grown = None if material.synthetic is None else material.synthetic.kind
    found = _source_faults(material) + _stack_faults(material, grown)
    if grown == COLOURED and (material.segmentation.method != "none" or material.type != "rgb"):
        found.append(
            f"synthetic.kind: {COLOURED!r} is a map of colours; set 'type: rgb' and "
            "'segmentation: {method: none}'"
        )
    found += _symmetry_faults(material) + _value_faults(material)
    if material.segmentation.method == "none":
        return found + _values_faults(material, grown)
    return found + _phase_faults(material) + _segmentation_faults(material)


def is_flat(material: MaterialConfig) -> bool:
    """Return whether a material is known to be 2D before its image is read."""
    return material.image is None or material.stack


def _source_faults(material: MaterialConfig) -> list[str]:
    possible = ("image", "planes", "synthetic")
    sources = [key for key in possible if getattr(material, key) is not None]
    if len(sources) != 1:
        return [
            "image: give either 'image' (a path), 'dataset' (a name), 'planes' (a path per axis) "
            f"or 'synthetic', got {' and '.join(sources) or 'none of them'}"
        ]
    if material.planes is None:
        return []
    found = []
    n_planes, n_missing = len(material.planes), material.planes.count(None)
    if n_planes != 3 or n_missing > 1:
        found.append(
            "planes: expected an image for each of the axes 0, 1 and 2, in this order, null for at "
            f"most one that there is no image across, got {n_planes} entries, of which "
            f"{n_missing} are null; a path may be given twice"
        )
    if material.isotropic:
        found.append(
            "planes: one 'image' is enough for an isotropic material; set 'isotropic' and "
            "'symmetry.quarter_turns' to false, or give 'image'"
        )
    if material.segmentation.method == "scribbles":
        found.append(
            "segmentation.method: scribbles are of one image, not of several planes; use 'otsu', "
            "'thresholds' or 'type: labels'"
        )
    return found


def _stack_faults(material: MaterialConfig, grown: str | None) -> list[str]:
    """Return what does not fit separate images, or a material that consists of them."""
    if grown in STACKS and not (material.stack and material.type == "labels"):
        return [f"synthetic.kind: {grown!r} is a stack of labels; set 'stack: true, type: labels'"]
    if not material.stack:
        return []
    found = []
    if material.image is None and grown not in STACKS:
        found.append("stack: needs a 3D 'image', whose planes are the micrographs")
    if not material.isotropic:
        found.append(
            "isotropic: a stack shows one kind of slices; set it to true, or give 'planes'"
        )
    if material.type != "labels" and material.segmentation.method != "none":
        found += _grey_stack_faults(material)
    return found


def _grey_stack_faults(material: MaterialConfig) -> list[str]:
    """Return what looks at neighbouring pixels where each counts alone."""
    segmentation = material.segmentation
    neighbours = {
        "denoise.method": (material.denoise.method, "none"),
        "segmentation.edge_correction": (segmentation.edge_correction, False),
        "segmentation.min_speck": (segmentation.min_speck, 0),
        "segmentation.blur": (segmentation.blur, None),
    }
    if segmentation.method == "otsu":
        neighbours["segmentation.shading_degree"] = (segmentation.shading_degree, 0)
    found = [
        f"{key}: the images of a stack are segmented pixel by pixel, expected {wanted!r}, got "
        f"{got!r}; set it so, or give labels"
        for key, (got, wanted) in neighbours.items()
        if got != wanted
    ]
    if segmentation.method == "scribbles":
        found.append(
            "segmentation.method: scribbles are of one image, not of a stack; use 'otsu' or "
            "'thresholds'"
        )
    return found


def _values_faults(material: MaterialConfig, grown: str | None) -> list[str]:
    """Return what an image that keeps its values cannot have."""
    reasons = {
        "phases": "there are none without a segmentation",
        "circle": "all of the image has to show the material; use 'crop'",
        "reference": "labels cannot judge grey values or colours",
    }
    if grown not in (None, COLOURED):
        reasons["synthetic"] = "its truth are labels, which cannot judge grey values"
    found = [
        f"{key}: {reason}; set it to null, or 'segmentation.method' to 'otsu'"
        for key, reason in reasons.items()
        if getattr(material, key) is not None
    ]
    if material.type == "labels":
        found.append(
            "segmentation.method: labels are phases already, got 'none'; leave it at 'otsu', which "
            "does nothing to them"
        )
    return found


def _symmetry_faults(material: MaterialConfig) -> list[str]:
    found = []
    if material.isotropic and material.symmetry.rotation_axis is not None:
        found.append(
            "symmetry.rotation_axis: an isotropic material looks alike around every axis; set it "
            "to null, or 'isotropic' to false"
        )
    if not material.isotropic and material.symmetry.quarter_turns:
        found.append(
            "symmetry.quarter_turns: an anisotropic material has no quarter turns; set it to false"
        )
    return found


def _phase_faults(material: MaterialConfig) -> list[str]:
    found = []
    if material.type != "labels" and not material.phases:
        found.append(
            "phases: expected the names of the phases from dark to bright, got none; "
            "if the image holds labels already, set 'type: labels'"
        )
    if material.synthetic is not None and material.reference is not None:
        found.append("reference: a synthetic material is its own reference; set it to null")
    return found


def _value_faults(material: MaterialConfig) -> list[str]:
    """Return what is wrong with numbers or colours of phases, or with what is found in grey."""
    found = []
    values = material.phase_values or ()
    if values and material.type != "labels":
        found.append(
            f"phases: numbers and colours are of labels, got 'type: {material.type}'; set 'type: "
            "labels', or list the names from dark to bright"
        )
    if values and len(values) != len(material.phases or ()):
        found.append(
            f"phase_values: expected one per phase, {len(material.phases or ())}, got "
            f"{len(values)}; give a mapping under 'phases' instead"
        )
    if len({isinstance(value, str) for value in values}) > 1:
        found.append(f"phases: expected numbers or colours of all phases, got {list(values)}")
    automatic = [key for key in ("crop", "circle") if getattr(material, key) == "auto"]
    if material.type == "labels":
        found += [
            f"{key}: 'auto' looks at grey values, got 'type: labels'; give pixels, or null"
            for key in automatic
        ]
    if material.planes is not None or material.stack:
        found += [
            f"{key}: 'auto' is for one image, got several; give pixels, or null"
            for key in automatic
        ]
    return found


def _segmentation_faults(material: MaterialConfig) -> list[str]:
    found = []
    segmentation, n_phases = material.segmentation, len(material.phases or ())
    automatic = material.type != "labels" and segmentation.method == "otsu"
    if automatic and n_phases > MOST_OTSU_PHASES:
        found.append(
            f"segmentation.method: 'otsu' finds at most {MOST_OTSU_PHASES} phases, "
            f"got {n_phases}; use 'thresholds' or 'scribbles'"
        )
    if segmentation.method == "thresholds":
        given = list(segmentation.thresholds or ())
        if len(given) != n_phases - 1 or given != sorted(given):
            found.append(
                f"segmentation.thresholds: expected {n_phases - 1} ascending grey values for "
                f"{n_phases} phases, got {given}"
            )
    if segmentation.blur is not None:
        found += _blur_faults(material)
    if segmentation.method == "scribbles" and segmentation.scribbles is None:
        found.append("segmentation.scribbles: expected the path of the scribble image, got none")
    return found


def _blur_faults(material: MaterialConfig) -> list[str]:
    """Return what does not go with labels that explain a blurred image."""
    segmentation, found = material.segmentation, []
    if material.type == "labels" or segmentation.method not in ("otsu", "thresholds"):
        found.append(
            "segmentation.blur: labels are found through the blur with the methods 'otsu' and "
            f"'thresholds', got {segmentation.method!r} for images of type {material.type!r}; set "
            "blur to null"
        )
    if segmentation.edge_correction:
        found.append(
            "segmentation.edge_correction: takes layers as thin as the blur away, which 'blur' is "
            "there to find; set one of them to false or null"
        )
    return found
