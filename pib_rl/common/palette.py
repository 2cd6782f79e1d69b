"""The one palette of all pictures, as CSS colours. Red-green-blind eyes tell the first four apart."""

BLUE, RED, GREEN, AMBER, PURPLE, BROWN = "#0b6e99", "#d1495b", "#66a182", "#edae49", "#6a4c93", "#8d6b4f"
PALETTE = (BLUE, RED, GREEN, AMBER, PURPLE, BROWN)  # in the order in which lines of a figure take them

INK = "#263238"  # text and outlines
GREY = "#78909c"  # what stands back: references, labels
FAINT = "#cfd8dc"  # grids, empty places
PAPER = "#ffffff"  # background
