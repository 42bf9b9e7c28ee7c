"""Names, cities and time zones that sample people are put together from."""

# ruff: noqa: RUF001

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """language: as in the file. names: "written=ascii" where the script is not Latin, else written alone."""

    language: str
    time_zone: str
    first_names: str
    last_names: str
    cities: str


COUNTRIES = (
    Country(
        "en", "Europe/London", "Alice Oliver Amelia George Isla Harry Ava Jack Emily Noah",
        "Ashworth Bennett Clarke Doyle Ellison Fletcher Grant Hughes Marlow Thornton", "London Leeds Bristol Glasgow",
    ),
    Country(
        "en-us", "America/New_York", "Madison Ethan Harper Logan Chloe Mason Grace Wyatt Nora Owen",
        "Abbott Brooks Carver Dalton Emerson Foster Hayes Jennings Mercer Sutton", "Boston Albany Atlanta Miami",
    ),
    Country(
        "de", "Europe/Berlin", "Jürgen Käthe Lukas Mia Jörg Heike Björn Frieda Günter Anke",
        "Müller Schröder Weiß Köhler Vogel Brandt Jäger Krause Böhm Lindner", "Berlin München Köln Görlitz",
    ),
    Country(
        "fr", "Europe/Paris", "Zoé François Hélène Benoît Chloé Gaël Inès Loïc Océane Rémi",
        "Lefèvre Dubois Garçon Moreau Fournier Guérin Besson Chevalier Noël Perrot", "Paris Lyon Besançon Nîmes",
    ),
    Country(
        "es", "Europe/Madrid", "José Lucía Íñigo Begoña Andrés Paula Raúl Sofía Martín Inés",
        "García Núñez Ibáñez Ortega Muñoz Vázquez Peña Domínguez Soler Cabrera", "Madrid Málaga Cádiz León",
    ),
    Country(
        "pt-br", "America/Sao_Paulo", "João Conceição Luís Antônia Thiago Luísa Caio Beatriz Érico Marília",
        "Gonçalves Araújo Simões Brandão Leitão Guimarães Paixão Falcão Teixeira Moraes", "Recife Curitiba Belém Natal",
    ),
    Country(
        "pl", "Europe/Warsaw", "Łukasz Żaneta Stanisław Małgorzata Paweł Grażyna Michał Bożena Wojciech Agnieszka",
        "Wójcik Źdźbło Kowalczyk Dąbrowski Gąska Śliwa Jabłoński Wróbel Zając Sikora", "Kraków Łódź Gdańsk Wrocław",
    ),
    Country(
        "tr", "Europe/Istanbul", "Ayşe Çağlar Gökhan Şule Ümit Özge İlker Işıl Uğur Ebru",
        "Yıldız Çelik Öztürk Şahin Güneş Koç Aydın Doğan Kılıç Polat", "İstanbul İzmir Ankara Muğla",
    ),
    Country(
        "el", "Europe/Athens",
        "Γιώργος=giorgos Ελένη=eleni Νίκος=nikos Μαρία=maria Δημήτρης=dimitris Σοφία=sofia",
        "Παπαδόπουλος=papadopoulos Οικονόμου=oikonomou Βασιλείου=vasileiou Κόκκινος=kokkinos Λάσκαρη=laskari",
        "Αθήνα Πάτρα Χανιά",
    ),
    Country(
        "uk", "Europe/Kyiv",
        "Олена=olena Тарас=taras Ірина=iryna Богдан=bohdan Соломія=solomiia Юрій=yurii",
        "Шевчук=shevchuk Коваленко=kovalenko Мельник=melnyk Ткаченко=tkachenko Лисенко=lysenko", "Київ Львів Одеса",
    ),
    Country(
        "ja", "Asia/Tokyo",
        "美咲=misaki 太郎=taro 陽菜=hina 健太=kenta 結衣=yui 翔=sho",
        "佐藤=sato 鈴木=suzuki 高橋=takahashi 田中=tanaka 渡辺=watanabe 小林=kobayashi", "東京 大阪 札幌",
    ),
    Country(
        "ar", "Africa/Cairo",
        "ليلى=layla عمر=omar فاطمة=fatima يوسف=youssef مريم=mariam خالد=khaled",
        "حداد=haddad النجار=alnajjar منصور=mansour سليمان=suleiman خليل=khalil", "القاهرة الإسكندرية أسوان",
    ),
    Country(
        "hi", "Asia/Kolkata",
        "आरती=aarti विकास=vikas प्रिया=priya राहुल=rahul अनन्या=ananya अर्जुन=arjun",
        "शर्मा=sharma वर्मा=verma गुप्ता=gupta मिश्रा=mishra चौहान=chauhan", "दिल्ली मुंबई जयपुर",
    ),
    Country(
        "ko", "Asia/Seoul",
        "민준=minjun 서연=seoyeon 지훈=jihoon 하은=haeun 도윤=doyun 수아=sua",
        "김=kim 이=lee 박=park 최=choi 정=jung", "서울 부산 대구",
    ),
)  # fmt: skip
