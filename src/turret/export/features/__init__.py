"""The features of an exported model: each encoder of `turret.data.encoders`, said in a graph."""
