"""What pages are drawn with: charts as SVG."""
