"""Scores that articles published for their data, for comparison."""

import dataclasses

__all__ = ["ARTICLES", "Article"]


@dataclasses.dataclass(frozen=True)
class Article:
    """Numbers of one article.

    Attributes:
      filling: Scores of stations predicted from others.
      change_percent: By how much scores against GRACE and a land-surface model differ
        from those of the stations alone, on average [%].
    """

    filling: dict[str, float]
    change_percent: dict[str, float]


#: By the method of `config.Gapfill`: MLLIM (2021), Remote Sensing 13, 3358, section 3.1
#: and abstract, doi:10.3390/rs13173358; DWLIM (2022), Remote Sensing 14, 535, sections
#: 3.1.1 and 3.2.2, doi:10.3390/rs14030535.
ARTICLES = {
    "mllim": Article(
        filling={
            "largest_pcc": 0.79,
            "share_of_pcc_above_0.5": 0.8421,
            "share_of_rmse_below_5_mm": 0.6842,
        },
        change_percent={"pcc": 8.85, "r2": 7.99},
    ),
    "dwlim": Article(
        filling={
            "mean_pcc": 0.53,
            "largest_pcc": 0.87,
            "share_of_rmse_below_6_mm": 0.6863,
        },
        change_percent={"pcc": 67.11, "nse": 128.15, "rmse_mm": -22.75},
    ),
}
