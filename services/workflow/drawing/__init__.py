"""The graph of a workflow: its layout, and its pictures as text, SVG, PNG and source."""
