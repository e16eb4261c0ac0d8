"""What can be read off a cell's text, and written into it; neither IPython nor TensorFlow here.

`syntax` is how Python reads it, `line_ends` finds where comments can stand, `comments` puts a
cell's figures there, and `writes` finds the lines that make an array and write to it.
"""
