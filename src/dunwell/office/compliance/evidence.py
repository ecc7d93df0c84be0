"""Evidence about a customer in two clicks: a pack that proves itself on a machine without the database."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from dunwell.journal.attachments import NotKept
from dunwell.journal.packing import Asked, NothingToShow, make_pack
from dunwell.journal.sealing import seal
from dunwell.journal.signing import kept_anchors, kept_folder, plain_name, signer_of
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.cases.casefile import CaseFile, UnknownCustomer
from dunwell.office.compliance.evidence_files import letters_of, product_files
from dunwell.office.desk.opening import may_see
from dunwell.office.workplace import Workplace, workplace


@needs("compliance.act")
def evidence(request: HttpRequest, customer_id: str) -> HttpResponse:
    """Ask why, then hand out the pack. That it was made, by whom and why, stands in the journal and in the pack."""
    place, staff = workplace(), staff_of(request)
    try:
        file = CaseFile(place, customer_id)
    except UnknownCustomer as error:
        raise Http404(customer_id) from error
    if not may_see(staff, file):
        raise Http404(customer_id)
    if request.method != "POST":
        return render(request, "office/evidence.html", {"customer_id": customer_id})
    why = request.POST.get("why", "").strip()
    if not why:
        messages.error(request, _("Write why the evidence is needed."))
        return redirect("evidence", customer_id)
    try:
        pack = pack_for(place, staff.username, customer_id, why)
    except NotKept as error:
        messages.error(request, str(error)[:300])
        return redirect("evidence", customer_id)
    except NothingToShow:
        messages.error(request, _("The journal knows nothing of this customer yet."))
        return redirect("evidence", customer_id)
    response = HttpResponse(pack, content_type="application/zip")
    name = f"evidence-{plain_name(customer_id)}.zip"
    response["Content-Disposition"] = content_disposition_header(True, name) or ""
    return response


def pack_for(place: Workplace, by: str, customer_id: str, why: str) -> bytes:
    """The pack of evidence about a customer, the journal sealed before; that it was made is an event. Raises NotKept where a
    file is gone, NothingToShow.
    """
    signer, now = signer_of(place.settings), place.clock()
    seal(signer, now)
    files, names = product_files(place.settings, customer_id)
    files |= letters_of(place.settings, place.journal, customer_id)
    asked = Asked(
        customer_id, by, why, files, names, kept_anchors(place.settings), kept_folder(place.settings)
    )
    return make_pack(place.journal, signer, asked, now)
