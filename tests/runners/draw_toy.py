class Plot:
    @staticmethod
    def figure_data(tables, *, column):
        return tables["means"]["size"], tables["means"][column]

    @staticmethod
    def draw(data, axes=None):
        from matplotlib.figure import Figure

        figure = Figure()
        figure.subplots().plot(*data)
        return figure
