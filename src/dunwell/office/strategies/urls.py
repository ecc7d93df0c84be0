"""The strategy pages' addresses."""

from django.urls import path

from dunwell.office.strategies import pages

urlpatterns = [
    path("strategies", pages.strategies, name="strategies"),
    path("strategies/propose", pages.propose, name="propose"),
    path("strategies/<int:proposal_id>", pages.one, name="strategy"),
    path("strategies/<int:proposal_id>/compare", pages.compare_again, name="compare_again"),
    path("strategies/<int:proposal_id>/ask", pages.ask, name="ask_for_strategy"),
    path("strategies/<int:proposal_id>/decide", pages.decide, name="decide_strategy"),
    path("strategies/<int:proposal_id>/comparison.json", pages.answer, name="comparison"),
    path("strategies/<int:proposal_id>/<str:name>.svg", pages.picture, name="strategy_picture"),
]
