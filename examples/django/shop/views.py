"""What somebody pays is on all of their pages at once."""

from django.contrib import auth
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from shop.live import live


def login(request, name):
    user, _ = auth.get_user_model().objects.get_or_create(username=name)
    auth.login(request, user)  # an example: anybody is who they say
    return redirect("/")


@login_required
def page(request):
    return render(request, "page.html", {"topic": f"orders/{request.user.pk}"})


@login_required
@require_POST
def pay(request):
    fields = {"amount": int(request.POST["amount"])}
    live.sync_publisher.publish(f"orders/{request.user.pk}", "paid", fields)
    return HttpResponse(status=204)
